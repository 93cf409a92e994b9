"""How a person proves who they are: links, passwords, a second factor, single sign-on; and browser sessions."""
