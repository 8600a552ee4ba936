"""The configurations, one module per family."""


from . import bert, gemma, gpt2, llama, roberta

CONFIGURATIONS = {
    **gpt2.CONFIGURATIONS,
    **bert.CONFIGURATIONS,
    **roberta.CONFIGURATIONS,
    **llama.CONFIGURATIONS,
    **gemma.CONFIGURATIONS,
}
