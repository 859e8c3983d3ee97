"""The AT dialogue, pure: parser, commands, answers, URCs, errors and what to do about them."""
