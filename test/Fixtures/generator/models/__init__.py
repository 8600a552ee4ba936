"""The configurations, one module per family."""

from . import bert, gpt2

CONFIGURATIONS = {
    **gpt2.CONFIGURATIONS,
    **bert.CONFIGURATIONS,
}
