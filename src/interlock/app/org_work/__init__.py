"""What a connection's settings have done in its org: behind the page, owned by one process, gone on with when that one dies."""
