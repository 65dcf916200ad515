-- Nodes registered over the API. Built-in nodes and plug-ins come with the program and are not here.
CREATE TABLE nodes (
    owner           VARCHAR NOT NULL,     -- the identity that registered it
    node_id         VARCHAR NOT NULL,
    registration_id VARCHAR NOT NULL,
    shared          BOOLEAN NOT NULL,     -- registered by the machine's owner: it runs for everybody
    registered_by   VARCHAR NOT NULL,     -- ΛiD
    registered_at   TIMESTAMP NOT NULL,
    spec            VARCHAR NOT NULL      -- the request, as JSON
);
