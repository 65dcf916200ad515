"""The contract: msgspec Structs per noun, and one operations table that routing, validation, OpenAPI,
the clients and the command line all come from. `operations.ALL` is the table; each noun's module holds its rows."""
