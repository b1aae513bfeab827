# unit tests of kbc/
