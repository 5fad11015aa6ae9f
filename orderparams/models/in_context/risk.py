"""Population risk of a law of prompts and its gradient, by four engines.

by_quadrature   directly, to a tolerance, with an error estimate
by_tables       interpolated, for many weights at one length; directly beyond the tables
by_sampling     prompts drawn
by_closed_form  of linear attention
"""

from orderparams.models.in_context.found import Found
from orderparams.models.in_context.interpolation import by_tables
from orderparams.models.in_context.linear import by_closed_form
from orderparams.models.in_context.quadrature import by_quadrature
from orderparams.models.in_context.sampling import by_sampling

__all__ = ["Found", "by_closed_form", "by_quadrature", "by_sampling", "by_tables"]
