"""Preceptor's web application. `ls app` is the architecture: main over faces over domain over core over settings."""
