"""What ours is measured against: each a program as its users would write it, in one process on one port of loopback."""
