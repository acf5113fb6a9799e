"""What certificates a server of a sign-in provider may show."""

import ssl


def client_context(ca_file: str, *, strict: bool) -> ssl.SSLContext:
    """TLS 1.2 or newer, to servers whose certificate is of the authorities in ``ca_file`` (empty: the system's).

    ``strict`` holds them to RFC 5280 on every Python, as 3.13 begins to do of its own. Raises OSError where the
    authorities cannot be read.
    """
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
