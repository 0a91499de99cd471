"""What a run is: what training reports, the state it becomes, and what that state reads as."""
