from servers.fixtures import chat_url, llama_url  # noqa: F401
