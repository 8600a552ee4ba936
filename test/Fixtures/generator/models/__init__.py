"""The configurations, one module per family."""

from . import bert, gemma, gpt2, llama, phi3, roberta

CONFIGURATIONS = {
    **gpt2.CONFIGURATIONS,
    **bert.CONFIGURATIONS,
    **roberta.CONFIGURATIONS,
    **llama.CONFIGURATIONS,
    **gemma.CONFIGURATIONS,
    **phi3.CONFIGURATIONS,
}
