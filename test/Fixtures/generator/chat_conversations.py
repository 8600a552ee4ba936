"""Conversations for chat templates, as the JSON text of their variables."""

import json

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A city, as \"Köln\"", "enum": ["Köln", "Oslo"]},
                "days": {"type": ["integer", "null"], "default": 3},
                "parts": {"type": "array", "items": {"type": "object", "properties": {"sky": {"type": "boolean"}}, "required": ["sky"]}},
            },
            "required": ["place"],
        },
        "return": {"type": "object", "description": "What is known."},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "The time <now> & later.", "parameters": {"type": "object", "properties": {}}}}
DOCUMENTS = [{"title": "Bees", "text": "Bees make honey.\nThey dance."}, {"title": "Ants", "text": "Ants don't."}]


def call(name, arguments, number):
    return {"id": f"call0000{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
ASK = {"role": "user", "content": "Why is the sky blue?"}
SYSTEM = {"role": "system", "content": "  You are terse. "}
ANSWER = {"role": "assistant", "content": "Because of <air>.\n"}
THOUGHT = {"role": "assistant", "content": "<think>\nLet me see…\n</think>\n\nBecause.", "reasoning_content": "Let me see…"}
TOOLS_USED = [
    ASK,
    {"role": "assistant", "content": None, "tool_calls": [call("get_weather", {"place": "Köln", "days": 2, "parts": [{"sky": True}], "f": 0.5}, 1), call("clock", {}, 2)]},
    {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "{\"sky\": \"blue\"}"},
    {"role": "tool", "name": "clock", "tool_call_id": "call00002", "content": "12:00"},
    {"role": "assistant", "content": "It is noon, and blue."},
    {"role": "user", "content": "Thanks 😀"},
]
PARTS = [
    {"role": "system", "content": [{"type": "text", "text": "Look."}]},
    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}, {"type": "text", "text": " Quick!"}]},
]

CONVERSATIONS = [
    {"messages": [ASK], "add_generation_prompt": True},
    {"messages": [SYSTEM, ASK], "add_generation_prompt": True},
    {"messages": [ASK, ANSWER, {"role": "user", "content": "  And at night?\n\n"}], "add_generation_prompt": True},
    {"messages": [SYSTEM, ASK, ANSWER]},
    {"messages": [ASK, THOUGHT, ASK], "add_generation_prompt": True, "enable_thinking": False},
    {"messages": [SYSTEM, ASK, THOUGHT], "enable_thinking": True, "reasoning_effort": "high"},
    {"messages": [SYSTEM, ASK], "tools": [WEATHER, CLOCK], "add_generation_prompt": True, "date_string": "26 Jul 2024"},
    {"messages": TOOLS_USED, "tools": [WEATHER], "add_generation_prompt": True},
    {"messages": [SYSTEM] + TOOLS_USED[:4], "tools": [CLOCK, WEATHER], "add_generation_prompt": True, "builtin_tools": ["code_interpreter", "brave_search"]},
    {"messages": [SYSTEM, ASK], "documents": DOCUMENTS, "add_generation_prompt": True, "citation_mode": "fast"},
    {"messages": PARTS, "add_generation_prompt": True},
    {"messages": [ASK, ASK]},
    {"messages": [{"role": "developer", "content": "Be kind."}, ASK, {"role": "assistant", "content": "Ok", "tool_calls": []}], "model_identity": "I am M."},
    {"messages": [ANSWER, {"role": "robot", "content": "1"}]},
    {"messages": [ASK, {"role": "assistant", "content": " Well, \n"}], "continue_final_message": True},
    {"messages": [ASK, {"role": "assistant", "thinking": "Hm", "content": "Well"}], "continue_final_message": "thinking"},
    {"messages": [PARTS[1]], "continue_final_message": True},
    {"messages": [ASK], "continue_final_message": True, "add_generation_prompt": True},
]
CONVERSATIONS = [json.dumps({**SPECIAL, **one}, ensure_ascii=False) for one in CONVERSATIONS]
