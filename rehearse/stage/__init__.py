"""The nodes with their real keepalived, in namespaces: each fault has a stage of its own."""
