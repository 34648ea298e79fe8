"""What the referral service shows, read from its rows. Nothing here changes anything."""
