# keywrap
