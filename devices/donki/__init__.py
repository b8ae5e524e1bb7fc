"""DonkiOrchestra's device servers: a Director that sends triggers, and the Players that answer them."""
