"""What happened in a run, told once, as chapters of ``blocks``.

``opening`` says it in three sentences; ``stages`` tells what happened, ``points`` why, ``worth``
what is left. ``screen`` and ``markdown`` write chapters, ``views.reports.chapters`` makes a page.
"""
