"""A project's webhooks: registration, signed delivery, and the only outbound HTTP client."""
