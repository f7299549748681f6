"""Lets papermill write parameters for Lakebook notebooks: a cell of `name = value` lines in SQL's words.

Papermill loads this module by its entry point in the group `papermill.engine`, as there is no group for translators.
The engine that the entry point names is papermill's own.
"""

import math
import re

from papermill.engines import NBClientEngine as engine  # noqa: F401, the entry point's object
from papermill.exceptions import PapermillException
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

_ASSIGNMENT = re.compile(r"^\s*(?:set\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*;?\s*(?:--\s*(.*))?$", re.IGNORECASE)


class LakebookTranslator(Translator):
    """Values as literals of SQL."""

    @classmethod
    def translate_str(cls, val):
        # A line holds one parameter, so a text with line breaks is written with escapes.
        if val.isprintable():
            return "'" + val.replace("'", "''") + "'"
        return cls.translate_escaped_str(val)

    @classmethod
    def translate_none(cls, val):
        return "NULL"

    @classmethod
    def translate_float(cls, val):
        if not math.isfinite(val):
            raise PapermillException(f"A parameter of a Lakebook notebook can't be {val}.")
        return repr(val)

    @classmethod
    def translate_list(cls, val):
        raise PapermillException("A parameter of a Lakebook notebook can't be a list: give a text, number or boolean.")

    @classmethod
    def translate_dict(cls, val):
        raise PapermillException("A parameter of a Lakebook notebook can't be a dict: give a text, number or boolean.")

    @classmethod
    def comment(cls, cmt_str):
        return f"-- {cmt_str}"

    @classmethod
    def inspect(cls, parameters_cell):
        found = []
        for line in parameters_cell.get("source", "").splitlines():
            match = _ASSIGNMENT.match(line)
            if match is not None:
                name, default, about = match.groups()
                found.append(Parameter(name, _type_of(default), default, about or ""))
        return found


def _type_of(literal):
    if literal.startswith(("'", '"')):
        return "str"
    if literal.lower() in ("true", "false"):
        return "bool"
    if re.fullmatch(r"[+-]?\d+", literal):
        return "int"
    return "float" if re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", literal, re.IGNORECASE) else "None"


# By the kernel's name, and by the language for kernels that were installed under another one.
papermill_translators.register("lakebook", LakebookTranslator)
papermill_translators.register("sql", LakebookTranslator)
