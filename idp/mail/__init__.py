"""What a mail says, and the server that it is handed to."""
