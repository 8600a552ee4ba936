#!/usr/bin/env python3
"""Records how transformers interprets a config.json, for test/unit/Import/{ModelConfigRecordTest,RopeConfigTest}.cpp.

    ATEN_CPU_CAPABILITY=default record_model_configs.py configs > test/unit/Import/Inputs/model-configs.json
    ATEN_CPU_CAPABILITY=default record_model_configs.py ropes > test/unit/Import/Inputs/rope-configs.json
    ATEN_CPU_CAPABILITY=default record_model_configs.py empty > test/unit/Import/Inputs/empty-values.json

Sizes, biases, epsilons and scales are taken from the modules of a model on the meta device, frequencies from its
module of rotary positions. So the record is what transformers computes, not what the configuration says. The power in
frequencies is a different function in each of torch's kernels, within one unit in the last place; the default ones
are the C library's.
"""

import json
import logging
import os
import random
import sys
import warnings

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import torch
import transformers
from transformers import CONFIG_MAPPING

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

DEFAULT_CLASSES = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
                   "gemma2": "Gemma2ForCausalLM", "gemma3_text": "Gemma3ForCausalLM", "phi3": "Phi3ForCausalLM", "gpt2": "GPT2LMHeadModel",
                   "bert": "BertModel", "roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel", "camembert": "CamembertModel"}
ENCODERS = ("bert", "roberta", "xlm-roberta", "camembert")
DECODERS = [name for name in DEFAULT_CLASSES if name not in ENCODERS and name != "gpt2"]
SIZES = {"vocab_size": 131, "hidden_size": 192, "intermediate_size": 200, "num_hidden_layers": 5, "num_attention_heads": 32}
GPT2_SIZES = {"vocab_size": 131, "n_embd": 96, "n_layer": 5, "n_head": 12}


def bits(tensor):
    """The bytes of f32 numbers, eight hexadecimal digits each."""
    return "".join(f"{value & 0xFFFFFFFF:08x}" for value in tensor.detach().float().contiguous().view(torch.int32).tolist())


def build(text):
    config = CONFIG_MAPPING[text["model_type"]].from_dict(json.loads(json.dumps(text)))
    name = (text.get("architectures") or [DEFAULT_CLASSES[text["model_type"]]])[0]
    with torch.device("meta"):
        return config, getattr(transformers, name)(config)


def act(module):
    return [float(value) for value in module(torch.tensor([0.75, -1.25], dtype=torch.float64).to("cpu"))]


def ropes(config, model, calls=()):
    module = type(model.base_model.rotary_emb)
    kinds = [kind for kind in ("full_attention", "sliding_attention") if kind in config.layer_types] \
        if config.model_type == "gemma3_text" else [None]
    result = []
    for kind in kinds:
        prefix, extra = ("", {}) if kind is None else (kind + "_", {"layer_type": kind})
        fresh = module(config)
        entry = {"frequencies": bits(getattr(fresh, prefix + "inv_freq")), "attention_factor": float(getattr(fresh, prefix + "attention_scaling"))}
        for tokens in calls:
            fresh = module(config)
            fresh(torch.zeros(1), torch.arange(tokens)[None], **extra)
            entry.setdefault("calls", {})[str(tokens)] = bits(getattr(fresh, prefix + "inv_freq"))
        result.append(entry)
    return result


def decoder_facts(config, model):
    layer = model.base_model.layers[0]
    attention, mlp = layer.self_attn, layer.mlp
    fused = config.model_type == "phi3"
    q = attention.qkv_proj if fused else attention.q_proj
    dim = attention.head_dim
    per_type = config.model_type in ("qwen2", "qwen3", "gemma2", "gemma3_text")
    windows = [None if config.model_type == "llama" or (per_type and kind != "sliding_attention") else config.sliding_window
               for kind in (config.layer_types if per_type else [None] * config.num_hidden_layers)]
    if per_type and config.sliding_window is None and "sliding_attention" in config.layer_types:
        with torch.device("cpu"):  # Refused by the mask, when the model is called.
            type(model)(config)(torch.zeros(1, 2, dtype=torch.int64))
    kinds = sorted(set(config.layer_types)) if config.model_type == "gemma3_text" else None
    return {
        "vocabSize": model.base_model.embed_tokens.num_embeddings, "hiddenSize": model.base_model.embed_tokens.embedding_dim,
        "intermediateSize": mlp.down_proj.in_features, "heads": attention.o_proj.in_features // dim,
        "kvHeads": config.num_key_value_heads if fused else attention.k_proj.out_features // dim, "headDim": dim,
        "normEps": layer.input_layernorm.variance_epsilon if hasattr(layer.input_layernorm, "variance_epsilon") else layer.input_layernorm.eps,
        "activation": act(mlp.activation_fn if fused else mlp.act_fn), "qkvBias": q.bias is not None, "outputBias": attention.o_proj.bias is not None,
        "mlpBias": mlp.down_proj.bias is not None, "qkNorm": hasattr(attention, "q_norm"), "attentionScale": attention.scaling,
        "attentionSoftcap": getattr(attention, "attn_logit_softcapping", None),
        "logitSoftcap": config.final_logit_softcapping if config.model_type.startswith("gemma") and hasattr(model, "lm_head") else None,
        "windows": windows, "ropeOfLayers": [kinds.index(kind) if kinds else 0 for kind in (config.layer_types if kinds else windows)],
        "ropes": ropes(config, model), "tokenTypes": 0, "positionRows": 0, "positionOffset": 0,
    }


def gpt2_facts(config, model):
    base = model.base_model
    block = base.h[0]
    return {
        "vocabSize": base.wte.num_embeddings, "hiddenSize": base.wte.embedding_dim, "intermediateSize": block.mlp.c_fc.nf,
        "heads": block.attn.num_heads, "kvHeads": block.attn.num_heads, "headDim": block.attn.head_dim, "normEps": block.ln_1.eps,
        "activation": act(block.mlp.act), "qkvBias": True, "outputBias": True, "mlpBias": True, "qkNorm": False,
        "attentionScale": block.attn.scaling, "attentionSoftcap": None, "logitSoftcap": None, "windows": [None] * len(base.h),
        "ropeOfLayers": [0] * len(base.h), "ropes": [], "tokenTypes": 0, "positionRows": base.wpe.num_embeddings, "positionOffset": 0,
    }


def encoder_facts(config, model):
    base = model.base_model
    layer = base.encoder.layer[0]
    attention, embeddings = getattr(layer.attention, "self"), base.embeddings
    offset = 0 if config.model_type == "bert" else embeddings.padding_idx + 1
    return {
        "vocabSize": embeddings.word_embeddings.num_embeddings, "hiddenSize": embeddings.word_embeddings.embedding_dim,
        "intermediateSize": layer.intermediate.dense.out_features, "heads": attention.num_attention_heads,
        "kvHeads": attention.num_attention_heads, "headDim": attention.attention_head_size, "normEps": layer.output.LayerNorm.eps,
        "activation": act(layer.intermediate.intermediate_act_fn), "qkvBias": True, "outputBias": True, "mlpBias": True, "qkNorm": False,
        "attentionScale": attention.scaling, "attentionSoftcap": None, "logitSoftcap": None, "windows": [None] * len(base.encoder.layer),
        "ropeOfLayers": [0] * len(base.encoder.layer), "ropes": [], "tokenTypes": embeddings.token_type_embeddings.num_embeddings,
        "positionRows": embeddings.position_embeddings.num_embeddings, "positionOffset": offset,
    }


def facts(text):
    config, model = build(text)
    kind = text["model_type"]
    result = (gpt2_facts if kind == "gpt2" else encoder_facts if kind in ENCODERS else decoder_facts)(config, model)
    name = type(model).__name__
    sequence, token = "SequenceClassification" in name, "TokenClassification" in name
    head = getattr(model, "score", None) or getattr(model, "classifier", None)
    result.update({
        "family": {"xlm-roberta": "roberta", "camembert": "roberta"}.get(kind, kind),
        "head": "sequence_classification" if sequence else "token_classification" if token else "language_model" if name.endswith(("ForCausalLM", "LMHeadModel", "ForMaskedLM")) else "none",
        "labels": getattr(head, "out_proj", head).out_features if sequence or token else 0, "tied": config.tie_word_embeddings,
        "padTokenId": config.pad_token_id, "eosTokenIds": config.eos_token_id if isinstance(config.eos_token_id, list) else
        [] if config.eos_token_id is None else [config.eos_token_id],
        "prefix": "" if name.endswith("Model") and not name.endswith("LMHeadModel") else model.base_model_prefix + "."})
    return result


def record(text, call):
    try:
        return {"config": text, "expected": call(text)}
    except Exception as error:  # What transformers refuses must be refused.
        return {"config": text, "error": f"{type(error).__name__}: {str(error)[:80]}"}


PAD = {"pad_token_id": None}
SLIDE_5 = ["full_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]
COMMON = [
    {},
    {"rms_norm_eps": 3e-5, "max_position_embeddings": 77, "num_key_value_heads": 16, "head_dim": 10, "eos_token_id": 7, "bos_token_id": 3},
    {"tie_word_embeddings": True, "eos_token_id": [5, 9], "pad_token_id": 4, "attention_bias": True, "mlp_bias": True},
    {"tie_word_embeddings": False, "num_key_value_heads": 8, "eos_token_id": None, "rope_theta": 500.0, "torch_dtype": "bfloat16"},
    {"num_key_value_heads": 4, "rope_parameters": {"rope_type": "default", "rope_theta": 777.0}, "dtype": "float32"},
    {"num_key_value_heads": 32, "sliding_window": 9, "attention_dropout": 0.25, "transformers_version": "4.40.0", "use_cache": False},
    {"num_key_value_heads": 1, "sliding_window": None, "rope_scaling": None, "rope_parameters": None},
    {"num_key_value_heads": 2, "rope_theta": 4000, "rope_scaling": {"type": "linear", "factor": 4.0}},
    {"num_key_value_heads": 2, "rope_scaling": {}, "rope_parameters": {"rope_theta": 99.0}},
    {"num_key_value_heads": 2, "hidden_act": "relu", "hidden_activation": "gelu"},
    {"num_key_value_heads": 2, "hidden_act": "gelu_new", "hidden_activation": "silu"},
    {"num_key_value_heads": 2, "hidden_act": "gelu", "hidden_activation": None},
]
QWEN = [
    {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 3, "num_key_value_heads": 2},
    {"use_sliding_window": True, "sliding_window": 9, "num_key_value_heads": 2},
    {"use_sliding_window": False, "sliding_window": 9, "max_window_layers": 0, "num_key_value_heads": 2},
    {"use_sliding_window": True, "sliding_window": 9, "layer_types": SLIDE_5, "num_key_value_heads": 2},
    {"use_sliding_window": True, "sliding_window": None, "max_window_layers": 1, "num_key_value_heads": 2},
    {"layer_types": ["attention"] * 5, "num_key_value_heads": 2},
    {"head_dim": None, "num_key_value_heads": 2},
    {"head_dim": 14, "num_key_value_heads": None},
]
GEMMA = [
    {"query_pre_attn_scalar": 144, "attn_logit_softcapping": None, "final_logit_softcapping": None},
    {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 7.5, "head_dim": 6},
    {"layer_types": SLIDE_5, "sliding_window": 11},
    {"hidden_act": "gelu", "use_bidirectional_attention": None},
    {"layer_types": ["full_attention"] * 5, "sliding_window": None},
]
GEMMA3 = [
    {"sliding_window_pattern": 2, "rope_local_base_freq": 300.0, "rope_theta": 9e5, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    {"sliding_window_pattern": 1},
    {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 2e3}}, "layer_types": SLIDE_5},
    {"rope_scaling": {"type": "linear", "factor": 8.0}},
]
ENCODER = [
    {},
    {"max_position_embeddings": 77, "type_vocab_size": 3, "layer_norm_eps": 3e-5, "pad_token_id": 6, "hidden_act": "gelu_new"},
    {"type_vocab_size": 1, "hidden_act": "relu", "hidden_dropout_prob": 0.0, "position_embedding_type": "absolute", "max_position_embeddings": 40},
    {"tie_word_embeddings": False, "classifier_dropout": 0.5, "eos_token_id": 9, "chunk_size_feed_forward": 0, "hidden_act": "silu"},
    {"pad_token_id": None},
    {"hidden_act": "gelu_pytorch_tanh", "gradient_checkpointing": False},
]
GPT2 = [
    {},
    {"n_inner": 77, "n_positions": 50, "n_ctx": 50, "layer_norm_epsilon": 3e-6, "activation_function": "relu", "pad_token_id": 5},
    {"n_inner": None, "scale_attn_weights": False, "eos_token_id": 3, "activation_function": "gelu"},
    {"tie_word_embeddings": False, "reorder_and_upcast_attn": True, "activation_function": "silu", "eos_token_id": [1, 2]},
    {"max_position_embeddings": 33, "activation_function": "gelu_pytorch_tanh"},
    {"resid_pdrop": 0.0, "summary_type": "cls_index", "task_specific_params": {"text-generation": {"max_length": 50}}},
]
LABELS = [{}, {"num_labels": 5}, {"id2label": {"0": "a", "1": "b", "2": "c"}}, {"num_labels": 3, "id2label": {"0": "x", "1": "y", "2": "z"}},
          {"num_labels": 7, "id2label": {"0": "x"}}]
HEADS = ["{}ForSequenceClassification", "{}ForTokenClassification", "{}Model"]


def all_configs():
    names = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "gemma2": "Gemma2", "gemma3_text": "Gemma3Text",
             "phi3": "Phi3", "gpt2": "GPT2", "bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"}
    for kind in DEFAULT_CLASSES:
        cases = list(GPT2 if kind == "gpt2" else ENCODER if kind in ENCODERS else COMMON)
        cases += QWEN if kind.startswith("qwen") else GEMMA + (GEMMA3 if kind == "gemma3_text" else []) if kind.startswith("gemma") else []
        base = {"model_type": kind, **(GPT2_SIZES if kind == "gpt2" else SIZES), **(PAD if kind == "phi3" else {}),
                **({"head_dim": 20} if kind in ("qwen3", "gemma3_text") else {})}
        for case in cases:
            yield {**base, **case}
        if "head_dim" in base:
            yield {**{key: value for key, value in base.items() if key != "head_dim"}, "num_key_value_heads": 2}
        heads = [text.format(names[kind]) for text in HEADS]
        if kind in ENCODERS:
            heads.append(heads[-1].replace("Model", "ForMaskedLM"))
        for i, name in enumerate(heads):
            if not hasattr(transformers, name):
                continue
            for j, labels in enumerate(LABELS):
                if "Classification" in name or j == 0:
                    yield {**base, "num_key_value_heads": 2, "architectures": [name], **labels} if kind in DECODERS else \
                        {**base, "architectures": [name], **labels}


def rope_settings(r, kind, width, original):
    number = lambda low, high: r.choice([float(r.randint(int(low), int(high))), round(r.uniform(low, high), 3)])
    settings = {} if kind == "default" else {"factor": number(1, 40)}
    if kind == "yarn":
        for key, value in (("beta_fast", number(8, 64)), ("beta_slow", number(1, 4)), ("mscale", number(1, 2)), ("mscale_all_dim", number(1, 2)),
                           ("attention_factor", r.uniform(0.5, 2.0)), ("truncate", r.random() < 0.5)):
            if r.random() < 0.35:
                settings[key] = value
        if r.random() < 0.1:
            settings["factor"] = None
    if kind == "llama3":
        settings.update({"low_freq_factor": number(1, 3), "high_freq_factor": number(4, 9)})
    if kind == "longrope":
        settings.update({"short_factor": [round(r.uniform(1, 3), 2) for _ in range(width // 2)],
                         "long_factor": [round(r.uniform(1, 60), 2) for _ in range(width // 2)]})
        if r.random() < 0.5:
            del settings["factor"]
        if r.random() < 0.3:
            settings["attention_factor"] = r.uniform(0.5, 2.0)
    if kind in ("yarn", "llama3", "longrope") and r.random() < 0.7:
        settings["original_max_position_embeddings"] = original
    return settings


def rope_configs(r, count):
    for _ in range(count):
        family = r.choice(DECODERS)
        kind = r.choice(["default", "linear", "dynamic", "yarn", "longrope", "llama3"])
        if family == "phi3":
            kind = r.choice(["default", "longrope", "yarn"])
        heads = r.choice([2, 3, 4])
        head_dim = 2 * r.randint(2, 24)
        text = {"model_type": family, "vocab_size": 131, "hidden_size": heads * head_dim, "intermediate_size": 70,
                "num_hidden_layers": 4, "num_attention_heads": heads, "num_key_value_heads": 1, "head_dim": head_dim, "pad_token_id": None,
                "max_position_embeddings": r.randint(60, 300)}
        width, original = head_dim, r.randint(20, 59)
        if family == "phi3" and r.random() < 0.7:
            text["partial_rotary_factor"] = r.choice([0.5, 0.75, 0.4])
            width = int(head_dim * text["partial_rotary_factor"])
        settings = rope_settings(r, "longrope" if family == "phi3" and kind == "yarn" else kind, width, original)
        if family == "phi3" and kind != "default" and r.random() < 0.8 or r.random() < 0.1:
            text["original_max_position_embeddings"] = original + 3
        theta = r.choice([10000.0, 500000.0, 1000000, round(r.uniform(50, 1e6), 2)])
        old = r.random() < 0.5
        where = r.choice(["top", "inner", "absent"])
        if where == "top":
            text["rope_theta"] = theta
        elif where == "inner":
            settings["rope_theta"] = theta
        settings = {**settings, ("type" if old and family != "gemma3_text" and r.random() < 0.5 else "rope_type"): kind}
        if family == "gemma3_text":
            text["layer_types"] = r.choice([["full_attention", "sliding_attention"] * 2, ["full_attention"] * 4, ["sliding_attention"] * 4])
            if old:
                if r.random() < 0.5:
                    text["rope_local_base_freq"] = round(r.uniform(50, 1e5), 1)
                text["rope_scaling"] = settings
            else:
                other = rope_settings(r, "linear", width, original)
                text["rope_parameters"] = {"full_attention": settings, "sliding_attention": {**other, r.choice(["rope_type", "type"]): "linear"}}
                if r.random() < 0.3:  # Read here, and not beside yarn's other settings.
                    text["rope_parameters"]["truncate"] = False
        elif old:
            text["rope_scaling"] = settings
        else:
            text["rope_parameters"] = settings
        yield text


def rope_facts(text):
    config, model = build(text)
    largest = text["max_position_embeddings"]
    return {"ropes": ropes(config, model, (largest // 2, largest, largest + 1, 2 * largest + 7))}


#: Values that are false in Python. They may mean the same as an absent key, or something else.
EMPTY = [None, False, 0, 0.0, "", [], {}]
#: Small configurations in which the keys are tried, with settings whose absence changes the result.
EMPTY_BASES = {
    "decoder": {"vocab_size": 31, "hidden_size": 24, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 4,
                "num_key_value_heads": 2, "head_dim": 12, "pad_token_id": None, "rms_norm_eps": 3e-5, "max_position_embeddings": 70,
                "rope_theta": 500.0, "sliding_window": 5, "attention_bias": True, "mlp_bias": True},
    "gpt2": {"vocab_size": 31, "n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 70, "n_inner": 20, "layer_norm_epsilon": 3e-4,
             "activation_function": "relu"},
    "encoder": {"vocab_size": 31, "hidden_size": 24, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 4,
                "max_position_embeddings": 70, "layer_norm_eps": 3e-4, "type_vocab_size": 3, "hidden_act": "relu", "pad_token_id": 1},
}
QWEN_WINDOWS = {"use_sliding_window": True, "max_window_layers": 1}
#: Keys that are not fields of a configuration class, but that some code reads.
OTHER_KEYS = ["architectures", "is_causal", "rope_scaling", "rope_theta", "rope_local_base_freq", "sliding_window_pattern", "num_labels",
              "torch_dtype", "transformers_weights", "token_classification_bias", "quantization_config", "attn_implementation",
              "_attn_implementation", "partial_rotary_factor", "original_max_position_embeddings", "text_config", "layer_types",
              "use_bidirectional_attention", "is_decoder", "add_cross_attention", "position_embedding_type", "tie_encoder_decoder",
              "pruned_heads", "attention_bias", "mlp_bias", "head_dim", "hidden_act", "auto_map", "per_layer_config", "fusion_config"]


#: Settings of rotary positions, whose keys are tried, too.
EMPTY_ROPES = {
    "linear": {"factor": 3.0}, "dynamic": {"factor": 3.0},
    "yarn": {"factor": 3.0, "original_max_position_embeddings": 20, "attention_factor": 1.5, "beta_fast": 9.0, "beta_slow": 2.0,
             "mscale": 0.7, "mscale_all_dim": 1.5, "truncate": False},
    "llama3": {"factor": 3.0, "original_max_position_embeddings": 20, "low_freq_factor": 1.0, "high_freq_factor": 3.0},
    "longrope": {"factor": 3.0, "original_max_position_embeddings": 20, "attention_factor": 1.5, "short_factor": [1.0, 1.5, 2.0, 2.2, 2.5, 2.7],
                 "long_factor": [2.0, 3.0, 5.0, 6.0, 7.0, 8.0]},
}


def empty_bases():
    """Configurations and the keys to try in them; a key with a dot is inside an object."""
    for kind in DEFAULT_CLASSES:
        base = {"model_type": kind, **EMPTY_BASES["gpt2" if kind == "gpt2" else "encoder" if kind in ENCODERS else "decoder"],
                **(QWEN_WINDOWS if kind.startswith("qwen") else {}), **({"sliding_window_pattern": 2} if kind == "gemma3_text" else {})}
        fields = set(vars(CONFIG_MAPPING[kind]())) | set(base) | set(OTHER_KEYS)
        yield base, sorted(name for name in fields - {"model_type", "transformers_version"}
                           if not name.endswith("_internal") and name not in ("_post_init_done", "_output_attentions"))
        prefix = {"qwen2": "Qwen2", "gpt2": "GPT2"}.get(kind, kind.capitalize())
        if kind in ("llama", "gpt2", "bert", "roberta"):
            for head in ("ForSequenceClassification", "ForTokenClassification"):
                yield {**base, "architectures": [prefix + head], "num_labels": 3, "pad_token_id": 1}, [
                    "num_labels", "id2label", "label2id", "problem_type", "pad_token_id", "token_classification_bias", "is_causal"]
        for rope, settings in EMPTY_ROPES.items() if kind in ("llama", "phi3", "gemma3_text") else ():
            if kind == "phi3" and rope != "longrope" or kind == "gemma3_text" and rope == "longrope":
                continue
            settings = {"rope_type": rope, "rope_theta": 700.0, **settings}
            keys = [f"{{}}.{key}" for key in (*settings, "type", "partial_rotary_factor")]
            for where in ("rope_scaling",) if kind == "gemma3_text" else ("rope_parameters", "rope_scaling"):
                top = ["original_max_position_embeddings", "rope_theta", "partial_rotary_factor", "max_position_embeddings"]
                yield {**base, where: settings}, [key.format(where) for key in keys] + top


def with_key(base, key, *value):
    """The configuration with the key, or without it if there is no value."""
    outer, dot, inner = key.partition(".")
    if dot:
        return {**base, outer: with_key(base[outer], inner, *value)}
    result = {name: other for name, other in base.items() if name != key}
    return {**result, key: value[0]} if value else result


def outcome(text):
    """What a configuration computes, in both implementations of attention: facts of the model, and results."""
    ids = torch.arange(2, 16)[None]
    results = []
    for attention in ("eager", "sdpa"):
        if attention == "sdpa" and text["model_type"] == "gemma2":
            continue
        config = CONFIG_MAPPING[text["model_type"]].from_dict(json.loads(json.dumps(text)))
        config._attn_implementation = attention
        name = (text.get("architectures") or [DEFAULT_CLASSES[text["model_type"]]])[0]
        torch.manual_seed(1)
        model = getattr(transformers, name)(config).eval()
        with torch.no_grad():
            results.append(model(ids, return_dict=True)[0])
    return facts({**text}), results


def differs(one, other):
    if one[0] != other[0]:
        return True
    return any(a.shape != b.shape or not torch.allclose(a, b, atol=1e-6) for a, b in zip(one[1], other[1]))


def empty_values():
    """For each configuration and key: the values equivalent to an absent key, the rejected values, and the facts of others."""
    records = []
    for base, names in empty_bases():
        keys = {}
        for key in names:
            try:
                absent = outcome(with_key(base, key))
            except Exception:
                absent = None  # A key that must be there.
            entry = {"same": [], "refused": [], "other": []}
            for value in EMPTY:
                try:
                    found = outcome(with_key(base, key, value))
                except Exception:
                    entry["refused"].append(value)
                    continue
                if absent is not None and not differs(absent, found):
                    entry["same"].append(value)
                elif any(not torch.allclose(a, found[1][0], atol=1e-5) for a in found[1]):
                    entry["refused"].append(value)  # One thing or another by the implementation of attention, or not a number.
                else:
                    entry["other"].append({"value": value, "expected": {name: fact for name, fact in found[0].items() if name != "activation"}})
            keys[key] = {name: values for name, values in entry.items() if values}
        records.append({"base": base, "keys": keys})
    return records


def main():
    if torch.backends.cpu.get_cpu_capability() != "DEFAULT":
        sys.exit("set ATEN_CPU_CAPABILITY=default, so that every machine records the same bits")
    if sys.argv[1:] == ["configs"]:
        records = [record(text, facts) for text in all_configs()]
    elif sys.argv[1:] == ["empty"]:
        records = empty_values()
    elif sys.argv[1:] == ["ropes"]:
        records = [record(text, rope_facts) for text in rope_configs(random.Random(17), 160)]
    else:
        sys.exit(__doc__)
    print(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__})[:-1] + ', "records": [')
    print(",\n".join(json.dumps(entry) for entry in records))
    print("]}")


if __name__ == "__main__":
    main()
