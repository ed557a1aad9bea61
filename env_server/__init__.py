"""Search and fetch over a frozen corpus, by HTTP: `create_app` for tests, `app_from_env` for servers."""
