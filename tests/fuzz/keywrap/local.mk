# fuzz targets of keywrap/
