"""The configurations, one module per family."""

from . import bert, gemma, gpt2, heads, llama, mistral, phi3, qwen, roberta, vocabulary

CONFIGURATIONS = {
    **gpt2.CONFIGURATIONS,
    **bert.CONFIGURATIONS,
    **roberta.CONFIGURATIONS,
    **llama.CONFIGURATIONS,
    **gemma.CONFIGURATIONS,
    **phi3.CONFIGURATIONS,
    **mistral.CONFIGURATIONS,
    **qwen.CONFIGURATIONS,
    **heads.CONFIGURATIONS,
    **vocabulary.CONFIGURATIONS,
}
