from servers.fixtures import chat_url, llama_url  # noqa: F401
from serving_fixtures import no_blocking, shared_parts  # noqa: F401
