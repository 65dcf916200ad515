"""Units of measurement, by pint, which is imported when the first is met.

Only names, products, quotients and small whole powers of units reach pint; numbers are read here.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pint import UnitRegistry

LONGEST = 60
UNIT_TEXT = re.compile(r"(?:[A-Za-zµμΩ°_]|\^-?[1-6]|\*\*-?[1-6]|[ */()·]|(?<=[ /])1(?=[ /])|(?<=\w)-?[23]\b)+")
TEMPERATURES = {
    **dict.fromkeys(("°c", "c", "celsius", "centigrade", "degrees celsius", "degree celsius", "degrees c"), "degC"),
    **dict.fromkeys(("°f", "f", "fahrenheit", "degrees fahrenheit", "degree fahrenheit", "degrees f"), "degF"),
    **dict.fromkeys(("k", "kelvin", "kelvins"), "kelvin"),
}
NAMED = {"ohms": "ohm", "kmh": "km/h", "kph": "km/h", "tonne": "metric_ton", "tonnes": "metric_ton", "Ω": "ohm",
         "mpg": "mile/gallon", "litres": "liter", "litre": "liter"}  # fmt: skip


class UnitError(ValueError):
    """A unit that is not known, or does not fit the other one."""


class NoUnitsError(UnitError):
    """pint is not installed."""


class Units:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registry: UnitRegistry[Any] | None = None

    def convert(self, value: float, unit: str, to: str) -> float:
        """`value` in `unit` as a number of `to`. Raises UnitError."""
        with self._lock:
            registry = self._open()
            import pint

            try:
                if _temperature(unit) and _temperature(to):
                    quantity = registry.Quantity(value, _temperature(unit)).to(_temperature(to))
                elif _is_temperature_name(unit) and to == "K":
                    quantity = registry.Quantity(value, _temperature(unit)).to("kelvin")
                else:
                    quantity = registry.Quantity(value, registry.parse_units(_clean(unit))).to(
                        registry.parse_units(_clean(to))
                    )
                return float(quantity.magnitude)
            except (pint.PintError, AttributeError, ValueError, TypeError, AssertionError, OverflowError) as error:
                if isinstance(error, UnitError):
                    raise
                raise UnitError(_why(unit, to, error)) from None

    def knows(self, unit: str) -> bool:
        """Also where there is no saying, as pint is not installed."""
        try:
            self.convert(1.0, unit, unit)
        except NoUnitsError:
            return True
        except UnitError:
            return False
        return True

    def _open(self) -> UnitRegistry[Any]:
        if self._registry is None:
            try:
                import pint
            except ImportError:
                raise NoUnitsError("units need pint, which is not installed: pip install 'lukhas[reason]'") from None
            self._registry = pint.UnitRegistry(cache_folder=None)
        return self._registry


def _temperature(unit: str) -> str:
    return TEMPERATURES.get(unit.lower().strip(), "")


def _is_temperature_name(unit: str) -> bool:
    return len(unit) > 1 and bool(_temperature(unit))


def _clean(unit: str) -> str:
    text = unit.strip() or "dimensionless"
    if text == "1":
        return "dimensionless"
    text = re.sub(r"\bper\b", "/", text)
    text = re.sub(r"\b(\w+) squared\b", r"\1^2", text)
    text = re.sub(r"\b(\w+) cubed\b", r"\1^3", text)
    text = re.sub(r"\bsquare (\w+)", r"\1^2", text)
    text = re.sub(r"\bcubic (\w+)", r"\1^3", text)
    text = text.replace("²", "^2").replace("³", "^3")
    text = " ".join(NAMED.get(word, word) for word in text.split())
    if len(text) > LONGEST or not UNIT_TEXT.fullmatch(text):
        raise UnitError(f"“{unit}” is no unit that is understood")
    return text


def _why(unit: str, to: str, error: Exception) -> str:
    if type(error).__name__ == "DimensionalityError":
        return f"{unit} cannot be converted to {to}: they measure different things"
    if type(error).__name__ == "UndefinedUnitError":
        return f"no unit is called “{getattr(error, 'unit_names', unit)}”"
    return f"{unit} cannot be converted to {to}"
