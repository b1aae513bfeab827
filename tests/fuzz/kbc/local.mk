# fuzz targets of kbc/
