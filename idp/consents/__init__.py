"""What people allowed their apps to see."""
