"""The configurations, one module per family."""

from . import gpt2

CONFIGURATIONS = {
    **gpt2.CONFIGURATIONS,
}
