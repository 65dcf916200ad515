from serving_fixtures import no_blocking, served  # noqa: F401
