"""What can be done about an error, and how an option is called, in words of the shell; those of
Python are in ``errors``."""

from __future__ import annotations

REMEDIES = {
    "replace": "use --force to replace it, or -o to name another file",
    "rename": "name another file with -o",
    "resume": "go on with --resume, or start anew with --force",
    "restart": "start anew with --force, or name another file with -o",
    "go on": "go on with --resume",
    "set": "for example -s {key}={value}",
    "signal": "to replace the whole signal: -s 'task.signal={{kind=\"spikes\", strengths=[4, 1]}}'",
    "start": "or replace the whole start: -s 'initial={{kind=\"random\"}}'",
    "scan": "several values are run by orderparams scan --vary '{key}={written}'",
    "listed": "each value is a list in brackets: --vary '{key}={written}'",
    "unlisted": "values stand without brackets: --vary '{key}={written}'",
    "vary": "for example --vary attention.heads=1,2,4, or in the file a table [scan.vary] with "
    '"attention.heads" = [1, 2, 4]',
    "draw": "without it --random N draws points from it",
    "solve": "orderparams solve {source} makes one",
    "result": "orderparams solve makes one",
    "make": "orderparams {command} makes one",
    "analyze": "orderparams analyze FILE.h5 -o ANALYZED.h5 makes one",
    "again": "take another copy of it, or make it again",
    "presets": "orderparams presets two-stage > my.toml writes one to start from",
    "saad-solla": "orderparams presets saad-solla > my.toml writes one to start from",
    "in-context-pairs": "orderparams presets in-context-pairs > my.toml writes one to start from",
    "dimensions": "give dimensions, for example --dimensions 250,1000",
    "learning_rates": "give learning rates, for example --learning-rates 0.08,0.02",
    "choose": "choose with --over {over}, or fix the others with --at {name}={value}",
    "log risk": "--log y shows the risk itself on a logarithmic axis",
    "fix": "fix parameters with --at KEY=VALUE",
    "argument": "--{argument}",
    "model": "one of your own is made known by --model-file FILE.py",
    "cluster": "dask scheduler --scheduler-file {path} makes it",
}
