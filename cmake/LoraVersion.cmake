# The version of everything here; included before project().
set(LORA_VERSION 0.1.0)
