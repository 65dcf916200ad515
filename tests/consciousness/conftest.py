from serving_fixtures import no_blocking  # noqa: F401
