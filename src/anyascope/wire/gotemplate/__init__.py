"""Go's `text/template` language as a sandboxed interpreter.

Templates see plain Python values (None, bool, int, float, str, lists, dicts) and objects that declare what may be seen
of them (`DataObject`). Nothing of Python can be reached from a template: there is no attribute access, only map keys,
declared fields and declared methods. Output, steps, depth and time are capped.

Source: https://pkg.go.dev/text/template and https://pkg.go.dev/fmt, as of Go 1.24.
"""

from anyascope.wire.gotemplate.errors import TemplateError, TemplateFunctionError
from anyascope.wire.gotemplate.execute import DEFAULT_LIMITS, Limits
from anyascope.wire.gotemplate.template import Template, parse_template
from anyascope.wire.gotemplate.values import DataObject, Function

__all__ = [
    "DEFAULT_LIMITS",
    "DataObject",
    "Function",
    "Limits",
    "Template",
    "TemplateError",
    "TemplateFunctionError",
    "parse_template",
]
