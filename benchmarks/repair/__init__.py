"""How much of a damaged patch comes back: clean patches, damaged as archives and mailers do, given to four tools."""
