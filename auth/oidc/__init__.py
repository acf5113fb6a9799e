"""OpenID Connect: signing in on the pages of a provider such as Keycloak or ORCID.

The provider is a stranger until its statement is proved: signed by a key that the configured
issuer publishes, about this sign-in, for this client, now.
"""
