"""Our own conversation as bytes: messages, batches, and how they are compressed. Pure; docs/conversation.md defines it."""
