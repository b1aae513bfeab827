# fuzz targets of kbs/
