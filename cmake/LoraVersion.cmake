# The version of the whole project; included before project().
set(LORA_VERSION 0.1.0)
