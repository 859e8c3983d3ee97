"""The dialogue with one modem over an open port: channel, driver, setting up, memories, USSD. Owns no line."""
