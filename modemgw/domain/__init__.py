"""What the program talks about: messages, parts, attempts, receipts, lines, the inbox. Standard library only."""
