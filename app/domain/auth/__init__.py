"""Sign-in by links, passwords, a second factor and single sign-on; browser sessions."""
