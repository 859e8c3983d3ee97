"""Pure rules about messages: admission, matching, concatenation, quotas, pricing. No clock, socket or database."""
