"""What transformers makes of a chat template: the reference for the runtime's chat templates."""

import datetime
import json
import os
import time
import warnings

warnings.filterwarnings("ignore")
os.environ["TZ"] = "UTC"
time.tzset()

from transformers.utils import chat_template_utils

#: What `strftime_now` shows.
NOW = datetime.datetime(2024, 7, 26, 13, 45, 7, 123456)
NOW_MICROSECONDS = int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp() * 1_000_000)


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = FixedTime


def render(source, variables):
    """The text that `apply_chat_template` gives; an exception where it fails. `variables` is a JSON text."""
    names = json.loads(variables)
    messages = chat_template_utils._normalize_chat_messages(names.pop("messages"))
    if not messages:
        raise ValueError("Cannot apply chat template to an empty conversation.")
    continued, prompted = names.pop("continue_final_message", False), names.pop("add_generation_prompt", False)
    if continued and prompted:
        raise ValueError("continue_final_message and add_generation_prompt are not compatible.")
    rendered, _ = chat_template_utils.render_jinja_template(
        conversations=[messages],
        tools=names.pop("tools", None),
        documents=names.pop("documents", None),
        chat_template=source,
        continue_final_message=continued,
        add_generation_prompt=prompted,
        **names,
    )
    rendered[0].encode()  # half characters are refused
    return rendered[0]
