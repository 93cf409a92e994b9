"""Requests and responses of the JSON API as Pydantic models. The OpenAPI document is made of them."""
