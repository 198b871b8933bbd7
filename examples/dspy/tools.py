"""Some tools of the built-in catalogue, with canned results.

Each takes the user's words as they are: where no LLM plans, none fills in parameters either.
The docstrings are the catalogue's descriptions.
"""

from collections.abc import Callable

Function = Callable[..., str]


def forecast_days(request: str) -> str:
    """Gives the expected weather at a place, day by day, for the next two weeks."""
    return "Tomorrow: rain from 9 to 15, 12 °C. The day after: dry, 15 °C."


def control_lights(request: str) -> str:
    """Switches lamps on or off and sets their brightness, colour and timers by room."""
    return "Done: living room, 3 lamps off."


def fx_convert(request: str) -> str:
    """Converts an amount from one currency to another at the current or a past rate."""
    return "200.00 EUR = 32,480 JPY"


def search_flights(request: str) -> str:
    """Lists flights between two airports on a date with fares and durations."""
    return "07:10 direct, 2 h 45, 89 EUR; 12:30 one stop, 5 h 05, 61 EUR"


def check_balance(request: str) -> str:
    """Reports the present amount in the user's bank, card and savings accounts."""
    return "Current account: 1,204.18. Card: -310.40. Savings: 5,000.00."


TOOLS: tuple[Function, ...] = (
    forecast_days,
    control_lights,
    fx_convert,
    search_flights,
    check_balance,
)
