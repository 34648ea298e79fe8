"""Reading rows for people to see: nothing here changes anything, apart from writing down who looked."""
