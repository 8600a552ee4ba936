"""Small encoders with tokenizers, and what transformers' pipelines and sentence-transformers make of texts.

Each folder of test/Fixtures/encoders has model/ and cases.json:

- "vectors": cases of sentence-transformers. `files` replaces files of the folder (null: there is none), `prompt` is the name of
  a prompt, `truncates` whether a text is too long; each of `texts` is [text] or [text, second text].
- "classes": cases of the pipeline text-classification, `problem_type` as in config.json; `results` has the scores by label.
- "masks": of fill-mask; `places` has for each masked place [id, token, score, text].
- "tags": of token-classification; `grouped` is aggregation_strategy "simple", `all` is ignore_labels []; `tags` has [label,
  score, word, start, end, index or -1]; start and end in bytes.
"""

import json
import pathlib
import shutil
import tempfile
from collections import Counter

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from . import folders
from .families import FIXTURES
from .tokenizer_texts import LANGUAGES

ROOT = FIXTURES / "encoders"
CORPUS = [LANGUAGES[name] for name in ("en", "de", "fr", "es", "it", "nl")]

TEXTS = [
    ["All human beings are born free."],
    ["Rights"],
    ["Alle Menschen sind frei, Würde 你好 [SEP] dignity!"],
    ["free and equal in dignity and rights, endowed with reason"],
    [""],
    ["EQUAL   equal\tEqual"],
]
LONG = ["They are endowed with reason and conscience. " * 6]
PAIRS = [
    ["human beings", "They are endowed with reason."],
    ["They are endowed with reason.", "human beings"],
    ["", "reason"],
]
LONG_PAIRS = [
    ["All human beings are born free and equal in dignity and rights. " * 2, "They are free. " * 9],
    ["born free", "They are endowed with reason and conscience. " * 6],
    ["They are endowed with reason and conscience. " * 6, "born free"],
]


def word_pieces(lowercase: bool):
    """Characters and frequent parts of words. (A trainer's choice among equally frequent ones changes from run to run.)"""
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    splitter = pre_tokenizers.BertPreTokenizer()
    beginnings, others = Counter(), Counter()
    for line in CORPUS:
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(line)):
            for length in range(1, 6):
                beginnings[word[:length]] += 1
                for begin in range(1, len(word) - length + 1):
                    others["##" + word[begin : begin + length]] += 1
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for counts, character in ((beginnings, 1), (others, 3)):
        parts = sorted(counts, key=lambda part: (len(part) > character, -counts[part], part))
        vocabulary += parts[: sum(len(part) == character for part in parts) + 50]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def byte_pairs(specials):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=310,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def roberta_pieces():
    tokenizer = byte_pairs(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", special=True, lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tokenizer


BERT_TOKENIZER = {
    "tokenizer_class": "BertTokenizer",
    "do_lower_case": False,
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
    "model_max_length": 40,
}


def sizes(width, heads, layers, inner, vocabulary, **more):
    return dict(
        hidden_size=width,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        intermediate_size=inner,
        vocab_size=vocabulary,
        **more,
    )


def make(name, architecture, config, tokenizer, tokenizer_config, edit=None):
    """Writes the model folder; `edit` changes the random model."""
    folder = ROOT / name / "model"
    if folder.parent.exists():
        shutil.rmtree(folder.parent)
    folder.mkdir(parents=True)
    arguments = {**config, "vocab_size": tokenizer.get_vocab_size()}
    model = folders.random_model(folders.make_config_of(architecture, arguments), f"encoders/{name}", architecture)
    if edit is not None:
        edit(model)
    folders.save_model(model, folder, torch.float16, "1MB")
    (folder / "tokenizer.json").write_text(
        json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n"
    )
    write_json(folder / "tokenizer_config.json", tokenizer_config)
    return folder


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def digits(value) -> float:
    return float(f"{float(value):.8g}")


def write_cases(name, **cases):
    # A line for each case.
    lines = []
    for kind, entries in cases.items():
        rows = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries)
        lines.append(f'"{kind}": [\n{rows}\n]')
    (ROOT / name / "cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def check_distinct(name, results, least):
    """Two texts with one result would not show exchanged rows."""
    rows = torch.tensor(results)
    for i in range(len(rows)):
        for j in range(i):
            assert (rows[i] - rows[j]).abs().max() > least, f"{name}: texts {i} and {j} have one result"


def vector_case(folder, files, texts, prompt=None, truncates=False):
    """The vectors of sentence-transformers; without modules.json, the mean that transformers' users compute."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = pathlib.Path(temporary) / "model"
        shutil.copytree(folder, copy)
        for file, content in files.items():
            (copy / file).unlink(missing_ok=True)
            if content is not None:
                write_json(copy / file, content)
        if (copy / "modules.json").exists():
            from sentence_transformers import SentenceTransformer

            model = SentenceTransformer(str(copy), device="cpu", model_kwargs={"attn_implementation": folders.ATTENTION, "dtype": torch.float32})
            prefix = model.prompts.get(prompt or model.default_prompt_name) or ""
            lengths = [len(model.tokenizer(prefix + text[0], *text[1:]).input_ids) for text in texts]
            assert any(length > model.max_seq_length for length in lengths) == truncates, (lengths, model.max_seq_length)
            vectors = model.encode([text[0] if len(text) == 1 else text for text in texts], prompt_name=prompt)
        else:
            tokenizer = transformers.AutoTokenizer.from_pretrained(copy)
            model = transformers.AutoModel.from_pretrained(copy, dtype=torch.float32, attn_implementation=folders.ATTENTION)
            vectors = [model(**tokenizer(*text, return_tensors="pt")).last_hidden_state[0].mean(0) for text in texts]
    vectors = [[digits(value) for value in vector] for vector in vectors]
    check_distinct(folder.parent.name, vectors, 1e-3)
    case = {"texts": texts, "vectors": vectors}
    if files:
        case["files"] = files
    if prompt is not None:
        case["prompt"] = prompt
    if truncates:
        case["truncates"] = True
    return case


def pipeline(task, folder, **arguments):
    attention = {"attn_implementation": folders.ATTENTION}
    return transformers.pipeline(task, model=str(folder), device="cpu", dtype=torch.float32, model_kwargs=attention, **arguments)


def class_case(folder, texts, problem_type=None, truncates=False):
    pipe = pipeline("text-classification", folder)
    if problem_type is not None:
        pipe.model.config.problem_type = problem_type
    inputs = [{"text": text[0], **({"text_pair": text[1]} if len(text) > 1 else {})} for text in texts]
    # One by one: a model without padding takes no batch.
    results = [pipe(entry, top_k=None, truncation=truncates) for entry in inputs]
    results = [{entry["label"]: digits(entry["score"]) for entry in result} for result in results]
    labels = pipe.model.config.id2label.values()
    check_distinct(folder.parent.name, [[result[label] for label in labels] for result in results], 1e-4)
    case = {"texts": texts, "results": results}
    if problem_type is not None:
        case["problem_type"] = problem_type
    if truncates:
        case["truncates"] = True
    return case


def mask_cases(folder, texts, count):
    pipe = pipeline("fill-mask", folder)
    cases = []
    for text in texts:
        places = pipe(text, top_k=count)
        places = places if isinstance(places[0], list) else [places]
        for place in places:
            scores = [entry["score"] for entry in place]
            assert all(a - b > 1e-5 for a, b in zip(scores, scores[1:])), f"{folder}: equal scores"
        cases.append(
            {
                "text": text,
                "count": count,
                "places": [
                    [[entry["token"], entry["token_str"], digits(entry["score"]), entry["sequence"]] for entry in place]
                    for place in places
                ],
            }
        )
    return cases


def tag_cases(folder, texts):
    cases = []
    for text in texts:
        for grouped in (False, True):
            for keeps in (False, True):
                pipe = pipeline(
                    "token-classification", folder, aggregation_strategy="simple" if grouped else "none",
                    ignore_labels=[] if keeps else ["O"],
                )
                tags = []
                for entry in pipe(text):
                    begin, end = (len(text[: entry[key]].encode()) for key in ("start", "end"))
                    label = entry["entity_group" if grouped else "entity"]
                    tags.append([label, digits(entry["score"]), entry["word"], begin, end, entry.get("index", -1)])
                cases.append({"text": text, "grouped": grouped, "all": keeps, "tags": tags})
    return cases


def modules(*types, paths=None):
    return [
        {"idx": i, "name": str(i), "path": "" if i == 0 else f"{i}_{name.rsplit('.', 1)[-1]}", "type": f"sentence_transformers.{name}"}
        for i, name in enumerate(types)
    ]


OLD_FLAGS = {
    "word_embedding_dimension": 24,
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False,
    "pooling_mode_mean_sqrt_len_tokens": False,
}


def generate_vectors():
    name = "vectors"
    config = sizes(24, 3, 2, 36, 0, max_position_embeddings=40, pad_token_id=0)
    folder = make(name, "BertModel", config, word_pieces(False), BERT_TOKENIZER)
    write_json(folder / "modules.json", modules("models.Transformer", "models.Pooling", "models.Normalize"))
    write_json(folder / "1_Pooling/config.json", OLD_FLAGS)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 38, "do_lower_case": False})
    prompts = {"prompts": {"query": "human: ", "passage": "equal rights "}, "default_prompt_name": None}
    write_json(folder / "config_sentence_transformers.json", prompts)
    new = modules(
        "base.modules.transformer.Transformer", "sentence_transformer.modules.pooling.Pooling", "base.modules.normalize.Normalize"
    )
    base = modules("models.Transformer", "models.Pooling")
    by_default = {"config_sentence_transformers.json": {**prompts, "default_prompt_name": "query"}}
    cases = [
        vector_case(folder, {}, TEXTS),
        vector_case(folder, {}, [*PAIRS, *TEXTS[:1]]),
        vector_case(folder, {}, [*TEXTS[:2], LONG, *LONG_PAIRS], truncates=True),
        vector_case(folder, {}, TEXTS[:3], prompt="passage"),
        vector_case(
            folder,
            {
                "modules.json": base,
                "1_Pooling/config.json": {
                    **OLD_FLAGS, "pooling_mode_cls_token": True, "pooling_mode_max_tokens": True,
                    "pooling_mode_lasttoken": True,
                },
                **by_default,
            },
            TEXTS[:4],
        ),
        vector_case(
            folder,
            {
                "modules.json": base,
                "1_Pooling/config.json": {
                    "embedding_dimension": 24, "pooling_mode": ["lasttoken", "cls", "weightedmean", "mean", "max"], "include_prompt": False,
                },
                **by_default,
            },
            TEXTS[:3],
        ),
        vector_case(
            folder,
            {
                "modules.json": new,
                "1_Pooling/config.json": {"embedding_dimension": 24, "pooling_mode": "mean_sqrt_len_tokens", "include_prompt": True},
                "sentence_bert_config.json": {
                    "transformer_task": "feature-extraction",
                    "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
                    "module_output_name": "token_embeddings",
                    "do_lower_case": True,
                },
                "config_sentence_transformers.json": {"model_type": "SentenceTransformer", "truncate_dim": 10},
            },
            TEXTS[:4],
        ),
        vector_case(folder, {"modules.json": None}, TEXTS),
    ]
    lowered = cases[-2]["vectors"]
    plain = vector_case(folder, {**cases[-2]["files"], "sentence_bert_config.json": {}}, TEXTS[:4])["vectors"]
    assert lowered != plain, "do_lower_case has no effect"
    write_cases(name, vectors=cases)


def generate_pairs():
    name = "pairs"
    config = sizes(
        20, 2, 2, 28, 0, max_position_embeddings=40, pad_token_id=0,
        id2label={0: "contradiction", 1: "neutral", 2: "Entailment!"}, label2id={"contradiction": 0, "neutral": 1, "Entailment!": 2},
    )
    folder = make(name, "BertForSequenceClassification", config, word_pieces(True), BERT_TOKENIZER | {"do_lower_case": True})
    texts = [*TEXTS[:4], *PAIRS]
    write_cases(
        name,
        classes=[
            class_case(folder, texts),
            class_case(folder, [LONG, *LONG_PAIRS, PAIRS[0]], truncates=True),
            class_case(folder, texts[:5], "multi_label_classification"),
            class_case(folder, texts[:5], "regression"),
        ],
    )


def generate_masks():
    name = "masks"
    config = sizes(
        20, 4, 2, 28, 0, max_position_embeddings=42, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )
    tokenizer_config = {
        "tokenizer_class": "RobertaTokenizer", "model_max_length": 40,
        **{f"{key}_token": text for key, text in [("bos", "<s>"), ("cls", "<s>"), ("eos", "</s>"), ("sep", "</s>"), ("unk", "<unk>"), ("pad", "<pad>")]},
        "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False, "special": True},
    }
    folder = make(name, "RobertaForMaskedLM", config, roberta_pieces(), tokenizer_config)
    texts = ["All human <mask> are born free.", "<mask>", "They are <mask> with <mask> and <mask>, so frei!"]
    write_cases(name, masks=[*mask_cases(folder, texts, 4), *mask_cases(folder, texts[:1], 1)])


def generate_tags():
    name = "tags"
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    config = sizes(
        24, 4, 1, 32, 0, max_position_embeddings=40, pad_token_id=0,
        id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)},
    )
    folder = make(
        name, "BertForTokenClassification", config, word_pieces(False), BERT_TOKENIZER,
        # Some tokens get the label O, but not all.
        lambda model: model.classifier.bias[0].add_(4.0),
    )
    cases = tag_cases(folder, ["Human beings in Würde, 你好!", "equal rights [SEP] equal dignity, and reason"])
    assert all(len(cases[i]["tags"]) < len(cases[i + 1]["tags"]) for i in range(0, len(cases), 2)), "no tokens outside"
    joined = [tag for case in cases if case["grouped"] and not case["all"] for tag in case["tags"]]
    assert any(" " in tag[2] for tag in joined) and any(case["tags"] for case in cases if not case["all"]), cases
    write_cases(name, tags=cases)


def generate_causal():
    name = "causal"
    config = sizes(20, 2, 2, 28, 0, num_key_value_heads=1, max_position_embeddings=48, num_labels=1, tie_word_embeddings=False)
    tokenizer = byte_pairs(["<|endoftext|>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|endoftext|>", pair="$A <|endoftext|> $B <|endoftext|>", special_tokens=[("<|endoftext|>", 0)]
    )
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 44, "truncation_side": "left",
        "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
    }
    folder = make(name, "LlamaForSequenceClassification", config, tokenizer, tokenizer_config)
    texts = [*TEXTS[:2], *TEXTS[3:], PAIRS[0]]
    files = {
        "modules.json": modules("models.Transformer", "models.Pooling", "models.Normalize"),
        "1_Pooling/config.json": {"embedding_dimension": 20, "pooling_mode": ["lasttoken", "weightedmean"]},
        "sentence_bert_config.json": {"max_seq_length": 40},
    }
    write_cases(
        name,
        classes=[class_case(folder, texts), class_case(folder, [LONG, LONG_PAIRS[0], TEXTS[0]], truncates=True)],
        vectors=[
            vector_case(folder, files, [*texts[:3], PAIRS[1]]),
            vector_case(folder, files, [*texts[:1], LONG], truncates=True),
        ],
    )


@torch.no_grad()
def generate():
    for make_one in (generate_vectors, generate_pairs, generate_masks, generate_tags, generate_causal):
        make_one()
