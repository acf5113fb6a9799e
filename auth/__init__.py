"""Who is asking: identities, login sessions, the gate in front of every route, and the page's CSP.

Knows neither `data` nor `views`. A request that has not passed the gate has no identity, and
`current_identity` then raises: what cannot tell who is asking shows nothing.
"""
