"""What pages and the JSON API share: middleware, transactions, authentication, permissions, error handlers."""
