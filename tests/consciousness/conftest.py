from serving_fixtures import no_blocking, shared_parts  # noqa: F401
