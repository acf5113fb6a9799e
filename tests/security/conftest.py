"""The browser and the site of the browser tests, for attacks."""

from browser.conftest import chrome, opened, own_site, site

__all__ = ["chrome", "opened", "own_site", "site"]
